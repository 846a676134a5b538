"""The modules of the project, as a walk through its folders finds them."""

from pathlib import Path


def rooms(project: Path) -> list[Path]:
    return sorted(project.glob("jobs/**/*.py")) + sorted(project.glob("queries/**/*.py"))


def module(project: Path, file: Path) -> str:
    return ".".join(file.relative_to(project).with_suffix("").parts).removesuffix(".__init__")

"""`python -m jobs.cli`: the command, whatever the path says."""

from jobs.cli.app import main

main()

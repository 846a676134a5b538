"""`python -m jobs.cli`: the command, whatever the path says."""

from httpcodes_command import main

main()

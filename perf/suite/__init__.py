"""The benchmark suite's runner; perf/run, perf/compare and perf/plots are its commands.

    plan      what is measured, under which names
    machine   where: what two runs must have in common to be compared
    systems   the programs, and how one is run
    measure   counts and rounds
    results   lines of five words, put together; the file they are kept in
    targets   what the project promises
    report    words and tables
    compare   two files
    plots     one file, drawn

Standard library only.
"""

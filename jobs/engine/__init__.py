"""Counting on Apache Spark, for those whom one machine does not serve: see README.md here.

Spark hands out files, repeats what failed and gathers; each task counts with the project's own
counters, and the run that takes the counts in is the one that there is. The only room that
imports pyspark, and only once something is to be counted there.
"""

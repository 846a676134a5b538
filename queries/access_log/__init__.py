"""The rows of the logs, as analysts see them: the view access_log and the files behind it."""

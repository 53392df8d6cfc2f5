"""Exit statuses of `./emplois` that mean something to the one who starts it."""

THERE_ALREADY = 3  # What was to be made is there, made before: by whom, and with which password, nobody can say.

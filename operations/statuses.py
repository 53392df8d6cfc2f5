"""Exit statuses of `./emplois`: what shells know, and what means something to the one who starts it."""

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
THERE_ALREADY = 3  # What was to be made is there, made before: by whom, and with which password, nobody can say.

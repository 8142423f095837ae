"""Where a worker of these tests dies: each point lies between an effect that is durable and the one that follows from it."""

APPENDED = "appended"
AMONG_EFFECTS = "among_effects"
SIGNALLED = "signalled"
DUE = "due"

POINTS = (APPENDED, AMONG_EFFECTS, SIGNALLED, DUE)

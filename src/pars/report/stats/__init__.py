"""Statistics over seeds, tasks and algorithms; each number with its n and spread."""

"""The 28 D4RL datasets that papers report, by family."""

ULTRA = ("antmaze-ultra-play-v0", "antmaze-ultra-diverse-v0")  # hardly anybody publishes settings for these
MAZES = ("umaze", "umaze-diverse", "medium-play", "medium-diverse", "large-play", "large-diverse")
ANTMAZE_V2 = tuple(f"antmaze-{maze}-v2" for maze in MAZES)
ADROIT = tuple(f"{hand}-{kind}-v1" for hand in ("pen", "door", "hammer", "relocate") for kind in ("cloned", "expert"))
KINDS = ("random", "medium", "medium-replay", "medium-expert")
MUJOCO = tuple(f"{robot}-{kind}-v2" for robot in ("halfcheetah", "hopper", "walker2d") for kind in KINDS)
RANDOM = tuple(name for name in MUJOCO if "-random-" in name)

SETS = {"antmaze": (*ANTMAZE_V2, *ULTRA), "adroit": ADROIT, "mujoco": MUJOCO}
D4RL = tuple(name for names in SETS.values() for name in names)

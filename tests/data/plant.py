"""A plant's logs as an engineer has them: one CSV per episode, sensors and actuators in their units, holes, trips."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

SENSORS = {  # name -> mean, deviation
    "temp_1_C": (72.0, 3.0),
    "temp_2_C": (415.0, 12.0),
    "temp_3_C": (21.0, 1.0),
    "pressure_1_bar": (4.2, 0.2),
    "pressure_2_bar": (88.0, 5.0),
    "flow, l/s": (12.5, 1.5),
    "level_pct": (55.0, 8.0),
    "shaft_rpm": (1450.0, 40.0),
    "vibration_mm": (0.04, 0.01),
    "current_A": (310.0, 25.0),
    "pH": (7.1, 0.15),
    "O2 (ppm)": (8.0, 0.6),
}
ACTUATORS = {"valve_pct": (0.0, 100.0), "torque_cmd": (-5.0, 5.0), "fan_setpoint": (0.0, 3000.0)}
TRIPS = 20  # every so many episodes one ends by a trip
HOLES = 0.01  # share of rows with an empty cell


def write_plant(folder: Path, episodes: int = 200, rows: tuple[int, int] = (20, 50), seed: int = 0) -> Path:
    """The folder of the logs. A controller with noise follows the level; reward: minus the squared error."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    low, high = np.array([*ACTUATORS.values()]).T
    mean, std = np.array([*SENSORS.values()]).T
    for k in range(episodes):
        length = int(rng.integers(*rows))
        start = datetime(2026, 1, 1) + timedelta(hours=k)
        hidden = np.cumsum(rng.normal(scale=0.3, size=(length, len(SENSORS))), axis=0)
        sensors = mean + std * hidden
        wanted = np.tanh(-hidden[:, [6, 0, 7]] + 0.3 * rng.normal(size=(length, 3)))
        actuators = (low + high) / 2 + (high - low) / 2 * wanted
        with (folder / f"episode_{k}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["timestamp", *SENSORS, *ACTUATORS, "reward", "status"])
            for i in range(length):
                cells = [f"{value:.6g}" for value in [*sensors[i], *actuators[i], -(hidden[i, 6] ** 2)]]
                if rng.random() < HOLES and i:
                    cells[rng.integers(len(SENSORS))] = ""
                late = 60 * (k == 7 and i >= length // 2)  # one recording was interrupted
                when = (start + timedelta(seconds=i + late)).isoformat(sep=" ")
                table.writerow([when, *cells, "TRIP" if k % TRIPS == 3 and i == length - 1 else "OK"])
    return folder

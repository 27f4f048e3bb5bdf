"""What is guessed of a plant's columns: which are set and which are measured, and why."""

import numpy as np
import pytest

from pars.data.formats.roles import motion, roles

SET = (
    "pump speed rpm|heater kW|valve_pct|fan_cmd|u1|action_0|act_2|torque|FIC101.OP|xmv_3|oveFan_u|motor voltage V"
    "|Pump 1 (%)|burner power [kW]|damper opening %|coolant pump l/min|compressor Hz|T_set_sp|throttle|HEATERS_PCT"
    "|outlet valve %|CHWC_VLV_DM|PID out|valve A|valvePos cmd|cmd_vel_y|motor pwm|temp setpoint"
)
MEASURED = (
    "T out|T in|T out °C|temp_1_C|pump_pressure_bar|Valve Position|flow, l/s|level_pct|shaft_rpm|current_A|pH|O2 (ppm)"
    "|xmeas_1|reaTZon_y|FIC101.PV|motor current A|valve_cmd_feedback|heater temp °C|Volume Flow RateRMS|Voltage"
    "|humidity %|wind speed m/s|power kW|pos_x|joint 1 angle rad|speed_act|bearing temp motor|pump outlet temperature"
    "|pump flow l/s|fan vibration mm/s|brake pressure bar|pump status"
)


@pytest.mark.parametrize("name", SET.split("|"))
def test_what_is_set(name):
    (guess,) = roles({name: np.zeros(0)}).values()
    assert guess.is_action and guess.why


@pytest.mark.parametrize("name", MEASURED.split("|"))
def test_what_is_measured(name):
    (guess,) = roles({name: np.zeros(0)}).values()
    assert not guess.is_action and guess.why


def test_reasons_are_said():
    found = roles(
        dict.fromkeys(("pump speed rpm", "T out °C", "x", "fan_cmd", "fan speed rpm", "pump 2 cmd"), np.zeros(0))
    )
    assert found["pump speed rpm"] == (True, "named as an actuator (pump); in rpm, as actuators are set")
    assert found["T out °C"] == (False, "in °C, as sensors read")
    assert found["x"] == (False, "nothing says that it is set")
    assert found["fan speed rpm"] == (False, "another column is the fan's command")


def test_how_a_column_moves():
    rng = np.random.default_rng(0)
    walk = rng.normal(size=2000).cumsum()
    held = np.repeat(rng.uniform(0, 100, 200), 10)
    coarse = np.round(walk / 5.0)  # the same for rows on end, then one step of its resolution
    noisy = walk + rng.normal(size=2000)
    off = np.where(
        np.arange(2000) % 400 < 200, 0.0, 5.0 + rng.normal(size=2000)
    )  # a sensor; the machine stands at times
    assert motion(held) == ["is held and jumps"] and motion(np.clip(walk, -5, 5)) == ["rests at an end of its range"]
    assert motion(coarse) == motion(noisy) == motion(np.tile([0.0, 1.0], 50)) == motion(np.full(9, np.nan)) == []
    assert motion(off) == ["rests at an end of its range"]
    assert motion(np.clip(held, 20, 80)) == ["is held and jumps", "rests at an end of its range"]
    found = roles({"q1": np.clip(held, 20, 80), "q2": noisy, "q3": off, "temp": np.clip(held, 20, 80)})
    assert [one.is_action for one in found.values()] == [True, False, False, False]

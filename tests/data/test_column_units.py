"""Units in the names of columns, as people write them."""

import pytest

from pars.data.column_units import UNITS, known, unit_of

NAMES = {
    "O2 (ppm)": "ppm", "flow, l/s": "l/s", "level_pct": "%", "p [bar]": "bar", "shaft.rpm": "rpm", "temp_1_C": "°C",
    "T out °C": "°C", "T [°C]": "°C", "T_degC": "°C", "T in deg_C": "°C", "humidity %": "%", "opening%": "%",
    "pump speed rpm": "rpm", "PUMP_RPM": "rpm", "heater kW": "kW", "HEATER_KW": "kW", "p_kPa": "kPa", "P_KPA": "kPa",
    "vib mm/s": "mm/s", "vibration (mm/s)": "mm/s", "feed l/min": "l/min", "flow_m3/h": "m³/h", "flow_m3_h": "m³/h",
    "flow_l_s": "l/s", "omega rad/s": "rad/s", "omega_rad_per_s": "rad/s", "acc m/s^2": "m/s²", "acc_m/s2": "m/s²",
    "flux (W/m²)": "W/m²", "angle deg": "°", "angle_deg_2": "°", "T.K": "K", "f Hz": "Hz", "U V": "V", "I_mA": "mA",
    "torque Nm": "Nm", "I_A": "A", "motor current A": "A", "cond (µS/cm)": "µS/cm",
    # nothing is said of a unit
    "pH": "", "C": "", "pos_x": "", "item_c": "", "T_min": "", "T_max": "", "flow, old": "", "kW": "", "y/n": "",
    "valve position": "", "step_t": "", "valve A": "", "motor_A": "",
}  # fmt: skip


@pytest.mark.parametrize(("name", "unit"), NAMES.items())
def test_units_at_the_end_of_names(name, unit):
    assert unit_of(name) == unit


def test_every_unit_of_the_table_is_known_by_its_own_sign():
    assert all(known(unit) == unit for unit in UNITS)

"""The units that names of columns tell: `flow, l/s`, `O2 (ppm)`, `level_pct`, `T out °C`, `pump speed rpm`."""

import re

UNITS = {  # as it is shown: as people write it
    "%": "% pct percent perc", "°C": "°C ℃ ºC C degC deg_C celsius", "°F": "°F degF fahrenheit", "K": "K kelvin",
    "bar": "bar barg bara", "mbar": "mbar", "Pa": "Pa", "hPa": "hPa", "kPa": "kPa", "MPa": "MPa", "psi": "psi psig",
    "rpm": "rpm r/min 1/min min-1", "Hz": "Hz HZ hz", "kHz": "kHz", "A": "A amp amps ampere", "mA": "mA",
    "V": "V volt volts", "mV": "mV", "kV": "kV", "W": "W watt watts", "kW": "kW KW kw", "MW": "MW", "kWh": "kWh",
    "Wh": "Wh", "J": "J", "kJ": "kJ", "N": "N", "kN": "kN", "Nm": "Nm N·m N*m", "m": "m", "mm": "mm", "cm": "cm",
    "km": "km", "µm": "µm μm um", "s": "s sec", "ms": "ms", "min": "min", "h": "h hr", "kg": "kg", "g": "g", "t": "t",
    "l": "l L ltr", "ml": "ml mL", "mol": "mol", "ppm": "ppm", "ppb": "ppb", "°": "° deg degree degrees",
    "rad": "rad", "dB": "dB", "Ω": "Ω ohm", "lx": "lx lux", "m/s": "mps", "km/h": "kmh kph", "l/s": "lps",
    "l/min": "lpm", "m³/h": "m3h",
}  # fmt: skip
EXACT = {written: unit for unit, spellings in UNITS.items() for written in spellings.split()}
FOLDED = {written.casefold(): unit for written, unit in EXACT.items() if len(written) > 2}  # RPM, KPA
IN_RATIOS = ("min", "h", "t")  # at the end of a name these are a least value, a height or a number of its own
CURRENT = re.compile(r"current|amp|strom|\bI\b", re.IGNORECASE)  # else A is the first of several valves
PER = ("s", "min", "h")
POWER = {"2": "²", "3": "³", "²": "²", "³": "³"}


def unit_of(name: str) -> str:
    """What the name of a column says of its unit; "" if it says nothing.

    What stands in brackets at the end is taken as it is, anything else only if it is known.
    """
    if found := re.search(r"[(\[]([^()\[\]]{1,12})[)\]]\s*$", name):
        return known(found[1].strip()) or found[1].strip()
    if name.rstrip().endswith("%"):
        return "%"
    if found := re.search(r",\s*([^,\s]+)\s*$", name):
        return known(found[1])
    parts = [part for part in re.split(r"[_\s.]+", name.strip()) if part not in ("per", "in")]
    while len(parts) > 2 and parts[-1].isdigit():  # temp_C_1
        parts.pop()
    if len(parts) > 2 and parts[-1] in PER and known(parts[-2]):  # flow_l_s
        return known(f"{parts[-2]}/{parts[-1]}")
    unit = known(parts[-1]) if len(parts) > 1 else ""
    return "" if unit in IN_RATIOS or (parts[-1] == "A" and not CURRENT.search(name.replace("_", " "))) else unit


def known(text: str) -> str:
    """The unit that a text is: `degC`, `m3/h`, `mm/s^2`; "" if it is none of the table's and no ratio of them."""
    if unit := EXACT.get(text) or FOLDED.get(text.casefold()):
        return unit
    over, slash, under = text.partition("/")
    if slash:
        ratio = (known(over), known(under))
        return "/".join(ratio) if all(ratio) else ""
    raised = re.fullmatch(r"(.+?)\^?([23²³])", text)
    return f"{base}{POWER[raised[2]]}" if raised and (base := known(raised[1])) else ""

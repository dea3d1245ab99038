"""What people write: YAML text becomes plain values with positions, units and problems.

Must not know: files, devices, rules, the network. Text in, values and problems out.
"""

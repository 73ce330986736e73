"""The configuration as one frozen value: what a person may set, checked in whole before anything starts.

Defaults are overlaid by the YAML file, then by `.env` and the environment, then by the command line (`loading`).
Every fault found lands in one message. Neighbours: `cli` and `app` read it; the heart gets plain values from them.
"""

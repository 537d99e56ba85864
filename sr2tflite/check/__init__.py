"""Checks of finished artifacts: one rule engine, rules that yield findings, and profiles that name rules."""

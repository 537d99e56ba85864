"""Phones at the end of adb: what is sent, what is asked, what is measured, and that nothing stays there."""

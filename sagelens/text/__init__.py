"""Text for people: how it is shown, and the commands that it offers. Imported by every command, so the standard library alone."""

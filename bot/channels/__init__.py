"""The ways a message comes in and goes out; each channel renders the payloads its own way and none parses text."""

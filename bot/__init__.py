"""The service people talk to: it stores what they write, asks Rasa, and delivers the answers on every channel."""

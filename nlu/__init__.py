"""What runs inside Rasa: the custom components of the model. It imports nothing of the service."""

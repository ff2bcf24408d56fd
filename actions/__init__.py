"""The custom actions that Rasa calls: they look the answers up and put them into the person's language."""

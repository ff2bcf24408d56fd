"""Conversation tokens: signed, and good for one conversation alone."""

from itsdangerous import BadSignature, URLSafeSerializer


class Tokens:
    """Makes and checks the tokens with which a person reads and writes their own conversation."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="conversation")

    def token(self, conversation: str) -> str:
        """The token of a conversation."""
        return str(self._serializer.dumps(conversation))

    def conversation(self, token: str) -> str | None:
        """The id of the conversation whose token this is; None if it is nobody's."""
        try:
            return str(self._serializer.loads(token))
        except BadSignature:
            return None

    def opens(self, token: str, conversation: str) -> bool:
        """Whether the token is this conversation's."""
        return self.conversation(token) == conversation

"""The knowledge of Neuvo: answers, languages, opening hours and their wording. It reads files and does no other I/O."""

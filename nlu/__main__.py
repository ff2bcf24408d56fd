"""Rasa's own command line, mended: `python -m nlu run …`, `python -m nlu train …`; see nlu/mending.py."""

import os

from rasa.__main__ import main

from nlu.mending import mend

if os.environ.get("NEUVO_MENDING", "on") != "off":
    mend()
main()

"""What whoever reads the estimates is told: what they are and may be used for, who must agree, and how long anything is kept."""

NOTICE = (
    "Estimates of expressed affect, not of what a person feels. Inferring emotions of people from biometric data is "
    "prohibited at work and in education in the EU and regulated elsewhere; tell the people concerned."
)
KEPT = 600.0  # s of states that are remembered, and no more
CARE = (
    "A browser's camera and microphone are read only after the person before them has agreed on the page; whoever starts a server with a "
    "camera of its own must ask before. Pictures, sound and brain waves are "
    f"looked at and let go, and none of them is told to anybody. States of the last {KEPT / 60:g} minutes are kept in memory, and forgotten "
    "when the session or the server ends; nothing is stored unless the person presses Record."
)

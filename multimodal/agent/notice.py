"""What whoever reads the estimates is told."""

NOTICE = (
    "Estimates of expressed affect, not of what a person feels. Inferring emotions of people from biometric data is "
    "prohibited at work and in education in the EU and regulated elsewhere; tell the people concerned."
)

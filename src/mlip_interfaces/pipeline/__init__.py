"""The flow of a study and its stages: build, data, campaign, train, validate, scan, analyze, report."""

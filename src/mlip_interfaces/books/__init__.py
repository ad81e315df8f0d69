"""What stages leave for the next ones and for the report, as typed records: of the run folder and of the campaign."""

"""The API's paths, by subject. Each call parses, asks the service, answers; it decides nothing."""

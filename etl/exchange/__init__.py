"""HTTP in: signs requests, keeps to the rate limit, retries, and turns each response into a checked page.

It knows neither the database nor the command line.
"""

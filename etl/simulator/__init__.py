"""A simulated exchange: a loopback HTTP server that shows force orders as Binance does, in every market.

It imports nothing else from `etl`, so that simulator and product cannot share a mistake that cancels out.
"""

"""A simulated exchange: a loopback HTTP server that behaves like Binance USDⓈ-M force orders, with switches.

It imports nothing else from `etl`, so that simulator and product cannot share a mistake that cancels out.
"""

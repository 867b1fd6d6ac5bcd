"""An exchange of our own: a loopback HTTP server that plays Binance USDⓈ-M force orders, switch by switch.

It imports nothing else from `etl`, so that a mistake shared with the product cannot cancel out.
"""

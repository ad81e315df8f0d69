"""Teachers, the label driver that DP-GEN calls, the store of labels and data sets; each is loaded when it is first asked for."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""The budget in decibels: what the quantization of each tensor costs, measured by leaving it out.

*Left out* means that everything is quantized but this one (:class:`~sr2tflite.evaluate.budget.mixed.Mixed` says what
then flows): ``cost = PSNR(left out) − PSNR(INT8)``, once against the float graph's output and once against HR. Costs do
not add up, since errors are squared before they are summed; so the tensors are also left out *cumulatively*, the most
expensive first, each together with all before it. The last of these is the float graph.

Images are compared as ``sr2tflite eval`` compares them: rounded to pixels, means of per-image PSNR; against HR by the
named protocol, against float in RGB with no border left out.
"""

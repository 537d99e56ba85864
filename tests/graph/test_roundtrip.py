from hypothesis import given, settings
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.graph import onnx, tflite

NETWORKS = {
    "channels": st.integers(1, 9),
    "depth": st.integers(0, 3),
    "scale": st.integers(1, 4),
    "skip": st.sampled_from(["none", "add", "concat", "nearest"]),
    "size": st.tuples(st.none() | st.integers(1, 40), st.none() | st.integers(1, 40)),
    "seed": st.integers(0, 1000),
}


@settings(max_examples=40)
@given(quantized=st.booleans(), network=st.fixed_dictionaries(NETWORKS))
def test_random_networks_pass_through_both_formats_unchanged(quantized: bool, network: dict):
    graph = (quantized_sr_graph if quantized else float_sr_graph)(**network)
    through_onnx = onnx.read(onnx.write(graph), "model.onnx")
    assert through_onnx == graph
    assert tflite.read(tflite.write(through_onnx), "model.tflite") == graph
    assert tflite.write(through_onnx) == tflite.write(graph)


@settings(max_examples=20)
@given(metadata=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4))
def test_free_text_passes_through_both_formats_unchanged(metadata: dict[str, str]):
    graph = float_sr_graph(2, 0)
    graph.metadata = metadata
    assert onnx.read(onnx.write(graph), "model.onnx").metadata == metadata
    assert tflite.read(tflite.write(graph), "model.tflite").metadata == metadata

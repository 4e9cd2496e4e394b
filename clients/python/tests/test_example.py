"""The training example: the service's curve is PyTorch's."""

import train_integrator as example


def test_both_curves_are_the_same(client, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    service = example.train(example.of_the_service(client), 60)
    process = example.train(example.of_this_process, 60)
    assert len(service.loss) == 60
    assert service.mse[-1] < 0.5 * service.mse[0]
    assert example.deviation(service, process) < 1e-10
    example.plot(service, process, str(tmp_path / "curves.svg"))
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")
    assert example.deviation(service, service._replace(loss=[2 * loss for loss in service.loss])) == 0.5

function result = rnnloss_loss(lambdas, tensors, url)
  % The losses of a recurrent network and their gradients, by a rnnlossd. For MATLAB, and Octave 7; it calls curl.
  %   r = rnnloss_loss(struct('lambda_fr', 0.5), struct('fr', rates))   gives   r.loss, r.terms_fr_loss, r.gradients_fr
  % Tensors are single or double: pred, target, fr (neuron, time, batch); w_in, w_hid, w_out. Gradients are as their tensors.
  if nargin < 3, url = getenv('RNNLOSS_URL'); end
  if isempty(url), url = 'http://127.0.0.1:8080'; end
  dtypes = struct('single', 'F32', 'double', 'F64');
  weights = cellfun(@(name) sprintf('"%s":"%.17g"', name, lambdas.(name)), fieldnames(lambdas)', 'UniformOutput', false);
  entries = {sprintf('"__metadata__":{%s}', strjoin(weights, ','))};
  data = zeros(1, 0, 'uint8');
  for name = fieldnames(tensors)' % column-major (neuron, time, batch) is, as it lies in memory, [batch, time, neuron]
    x = tensors.(name{1});
    bytes = typecast(reshape(x, 1, []), 'uint8');
    entries{end + 1} = sprintf('"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}', name{1}, dtypes.(class(x)), ...
      jsonencode(fliplr(size(x))), numel(data), numel(data) + numel(bytes));
    data = [data, bytes];
  end
  header = uint8(['{', strjoin(entries, ','), '}']);
  files = {tempname(), tempname()};
  clean = onCleanup(@() cellfun(@delete, files));
  f = fopen(files{1}, 'w'); fwrite(f, [typecast(uint64(numel(header)), 'uint8'), header, data]); fclose(f);
  f = fopen(files{2}, 'w'); fclose(f);
  [~, status] = system(sprintf(['curl -sS -o "%s" -w "%%{http_code}" -H "Content-Type: application/vnd.safetensors" ', ...
    '--data-binary "@%s" "%s/loss"'], files{2}, files{1}, url));
  f = fopen(files{2}); answer = fread(f, Inf, '*uint8')'; fclose(f);
  if ~strcmp(status, '200'), error('rnnloss:refused', '%s %s', status, char(answer)); end
  n = double(typecast(answer(1:8), 'uint64'));
  header = jsondecode(char(answer(9:8 + n))); % whose names become valid ones: gradients.fr is gradients_fr
  classes = struct('F32', 'single', 'F64', 'double');
  for name = fieldnames(header)'
    t = header.(name{1});
    if ~isfield(t, 'dtype'), continue; end
    x = typecast(answer(8 + n + t.data_offsets(1) + 1:8 + n + t.data_offsets(2)), classes.(t.dtype));
    result.(name{1}) = reshape(x, [fliplr(reshape(t.shape, 1, [])), ones(1, 2 - numel(t.shape))]);
  end
end

% Tests rnnloss_loss against the daemon at RNNLOSS_TEST_URL: prints a line for each, "ok - NAME" or "not ok - NAME".
1;

function check(name, good)
  words = {'not ok', 'ok'};
  printf('%s - %s\n', words{1 + all(good(:))}, name);
end

function message = refusal(varargin)
  message = '';
  try
    rnnloss_loss(varargin{:});
  catch problem
    message = [problem.identifier, ' ', problem.message];
  end
end

url = getenv('RNNLOSS_TEST_URL');

r = rnnloss_loss(struct('lambda_mse', 3), struct('pred', [1, 3; 2, 4], 'target', [0, 3; 2, 2]), url);
check('loss, with its weight', r.loss == 3.75 && r.terms_mse_loss == 3.75 && r.terms_mse_unweighted == 1.25);
check('gradient of doubles', isa(r.gradients_pred, 'double') && isequal(r.gradients_pred, [1.5, 0; 0, 3]));

r = rnnloss_loss(struct('lambda_fr_sd', 0.1), struct('fr', single([0.1; 0.2; 0.3; 0.4])), url);
check('gradient of singles', isa(r.gradients_fr, 'single') && isequal(r.gradients_fr, single([-0.03354102; -0.01118034; 0.011180341; 0.03354102])));

% neuron, time, batch: the digits are those that the wire contract shows
r = rnnloss_loss(struct('lambda_fr_sd', 0.1), struct('fr', [0.1, 0.3; 0.2, 0.2; 0.3, 0.1; 0.5, 0.6]), url);
check('standard deviation over neurons', strcmp(sprintf('%.17g', r.loss), '0.015155444566227676'));

x = reshape(sin(1:60), 3, 4, 5);
m = mean(mean(x, 3), 2);
sd = sqrt(mean((m - mean(m)) .^ 2));
r = rnnloss_loss(struct('lambda_fr', 2, 'lambda_fr_sd', 1), struct('fr', x), url);
expected = 2 * 2 * x / 60 + repmat((m - mean(m)) / (sd * 60), 1, 4, 5);
check('loss of three axes', abs(r.terms_fr_loss - 2 * mean(x(:) .^ 2)) < 1e-14 && abs(r.terms_fr_sd_loss - sd) < 1e-14);
check('gradient of three axes', isequal(size(r.gradients_fr), [3, 4, 5]) && max(abs(r.gradients_fr(:) - expected(:))) < 1e-15);

w = [1, 2; 3, 4];
r = rnnloss_loss(struct('lambda_hid', 1, 'lambda_in', 1), struct('w_hid', w, 'w_in', single([1, 2, 3; 4, 5, 6])), url);
check('gradient of weights', isequal(r.gradients_w_hid, w / 2) && isequal(r.gradients_w_in, single([1, 2, 3; 4, 5, 6] / 3)));
check('several terms', r.terms_hid_loss == 7.5 && r.loss == 68 / 3);

r = rnnloss_loss(struct('lambda_mse', 1 / 3), struct('pred', [1, 3; 2, 4], 'target', [0, 3; 2, 2]), url);
check('all digits of a weight', r.loss == 1.25 * (1 / 3));

r = rnnloss_loss(struct(), struct(), url);
check('nothing to do', r.loss == 0);

message = refusal(struct('lambda_fr_vc', 1), struct(), url);
check('a mistake is named', strncmp(message, 'rnnloss:refused 422 ', 20) && ! isempty(strfind(message, '#unknown-lambda')));
check('nobody there', strncmp(refusal(struct(), struct(), getenv('RNNLOSS_TEST_CLOSED')), 'rnnloss:refused 000', 19));
check('no files are left', isempty(glob(fullfile(tempdir(), 'oct-*'))));

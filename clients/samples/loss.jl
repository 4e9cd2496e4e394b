using Downloads, JSON

const DTYPES = Dict("F16" => Float16, "F32" => Float32, "F64" => Float64)

"""
    rnnloss(Dict("lambda_fr" => 0.5), Dict("fr" => rates))

The losses of a recurrent network and their gradients, by a rnnlossd: `r["loss"][]`, `r["terms.fr.loss"][]`, `r["gradients.fr"]`.
Tensors are arrays of Float16, Float32 or Float64: pred, target, fr (neuron, time, batch); w_in, w_hid, w_out.
"""
function rnnloss(lambdas, tensors; url = get(ENV, "RNNLOSS_URL", "http://127.0.0.1:8080"))
    header = Dict{String,Any}("__metadata__" => Dict(name => string(Float64(λ)) for (name, λ) in lambdas))
    data = IOBuffer()
    for (name, x) in tensors # column-major (neuron, time, batch) is, as it lies in memory, [batch, time, neuron]
        dtype = only(d for (d, T) in DTYPES if T == eltype(x))
        from, to = position(data), position(data) + write(data, Array(x))
        header[name] = Dict("dtype" => dtype, "shape" => reverse(collect(size(x))), "data_offsets" => [from, to])
    end
    text = JSON.json(header)
    body = IOBuffer(vcat(reinterpret(UInt8, [UInt64(sizeof(text))]), codeunits(text), take!(data)))
    answer = IOBuffer()
    media = ["Content-Type" => "application/vnd.safetensors"]
    response = Downloads.request("$url/loss"; method = "POST", input = body, output = answer, headers = media)
    bytes = take!(answer)
    response.status == 200 || error("rnnlossd: $(response.status) $(String(bytes))")
    n = Int(only(reinterpret(UInt64, bytes[1:8])))
    entries = JSON.parse(String(bytes[9:8+n]))
    tensor(t) = (elements = bytes[9+n+t["data_offsets"][1]:8+n+t["data_offsets"][2]];
                 reshape(collect(reinterpret(DTYPES[t["dtype"]], elements)), Tuple(Int.(reverse(t["shape"])))))
    return Dict(name => tensor(t) for (name, t) in entries if name != "__metadata__")
end

-- wrk: another token with each request, in turn, from the file named by TOKENS.
local requests, at = {}, 0

function init(args)
  for token in io.lines(os.getenv("TOKENS")) do
    wrk.headers["Authorization"] = "Bearer " .. token
    requests[#requests + 1] = wrk.format()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

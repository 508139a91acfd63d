-- report.lua - one line of what wrk counted, for perf/ledger
--
-- "wrk REQUESTS MICROSECONDS REFUSED FAILED": answers with a status of 400 and above
-- are REFUSED; FAILED are those that never came.

function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format("wrk %d %d %d %d\n", summary.requests,
		summary.duration, errors.status,
		errors.connect + errors.read + errors.write + errors.timeout))
end

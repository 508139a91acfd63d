-- transfers.lua - POST /transfers between random accounts, each with a key of its own
--
--	wrk -s transfers.lua URL ACCOUNTS RUN
--
-- ACCOUNTS are those with the ids from 1 on; RUN is what no other run on the same
-- database is called: keys begin with it. Requests are put together by hand, as
-- wrk.format() costs more than the rest of wrk. The results are as in report.lua.

local threads = 0

function setup(thread)
	thread:set("thread_number", threads)
	threads = threads + 1
end

function init(args)
	accounts = tonumber(args[1])
	prefix = args[2] .. "-" .. thread_number .. "-"
	count = 0
	math.randomseed(os.time() + thread_number)
end

function request()
	local from = math.random(accounts)
	local to = math.random(accounts - 1)

	if to >= from then
		to = to + 1
	end
	count = count + 1
	local body = '{"from":' .. from .. ',"to":' .. to .. ',"amount":1,"key":"' ..
		prefix .. count .. '"}'
	return "POST /transfers HTTP/1.1\r\nHost: localhost\r\nContent-Length: " ..
		#body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format("wrk %d %d %d %d\n", summary.requests,
		summary.duration, errors.status,
		errors.connect + errors.read + errors.write + errors.timeout))
end

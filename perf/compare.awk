# compare.awk - from lines "name system parameter value unit" of several rounds to
# a table: one row per name, system and parameter with the median, and where there
# is another system for the same name and parameter, the ratio of the medians.

function sort_values(values, n,    i, j, v)
{
	for (i = 2; i <= n; i++) {
		v = values[i]
		for (j = i - 1; j >= 1 && values[j] > v; j--)
			values[j + 1] = values[j]
		values[j + 1] = v
	}
}

function median(values, n)
{
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function show(v)
{
	if (v >= 1000 || v == int(v))
		return sprintf("%.0f", v)
	return sprintf("%.3g", v)
}

NF == 5 {
	row = $1 " " $3 " " $2
	if (!(row in count)) {
		rows[++row_count] = row
		name[row] = $1
		parameter[row] = $3
		system_of[row] = $2
		unit[row] = $5
	}
	value[row, ++count[row]] = $4 + 0
}

END {
	form = "%-17s %-9s %-30s %12s %12s %12s  %-12s %s\n"
	printf form, "name", "system", "parameter", "median", "min", "max", "unit",
		"ours/peer"
	for (i = 1; i <= row_count; i++) {
		row = rows[i]
		split("", v)
		for (j = 1; j <= count[row]; j++)
			v[j] = value[row, j]
		sort_values(v, count[row])
		middle[row] = median(v, count[row])
		low[row] = v[1]
		high[row] = v[count[row]]
		if (system_of[row] != "eider")
			peer[name[row], parameter[row]] = row
	}
	for (i = 1; i <= row_count; i++) {
		row = rows[i]
		other = peer[name[row], parameter[row]]
		ratio = ""
		if (system_of[row] == "eider" && other && middle[other])
			ratio = sprintf("%.2f", middle[row] / middle[other])
		printf form, name[row], system_of[row], parameter[row],
			show(middle[row]), show(low[row]), show(high[row]), unit[row],
			ratio
	}
}

# ratios.awk - from lines "name system parameter value unit" of several rounds, and
#
#	ratio LABEL NAME SYSTEM PARAMETER over NAME SYSTEM PARAMETER [SENSE TARGET]
#
# the ratio of the medians of the first to the second, what it was in the round where
# it was lowest and highest, and whether it reaches the target (SENSE: >= or <=).

function sort_values(values, n,    i, j, v)
{
	for (i = 2; i <= n; i++) {
		v = values[i]
		for (j = i - 1; j >= 1 && values[j] > v; j--)
			values[j + 1] = values[j]
		values[j + 1] = v
	}
}

function median(row,    i, n, v)
{
	n = count[row]
	for (i = 1; i <= n; i++)
		v[i] = value[row, i]
	sort_values(v, n)
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function print_ratio(a, b, sense, target,    i, n, r, low, high, ratio, said)
{
	ratio = median(a) / median(b)
	n = count[a] < count[b] ? count[a] : count[b]
	low = high = value[a, 1] / value[b, 1]
	for (i = 2; i <= n; i++) {
		r = value[a, i] / value[b, i]
		low = r < low ? r : low
		high = r > high ? r : high
	}
	if (sense == ">=")
		said = "target >= " target ": " (ratio >= target ? "met" : "MISSED")
	else if (sense == "<=")
		said = "target <= " target ": " (ratio <= target ? "met" : "MISSED")
	printf "%-17s %-52s %8.3f  %8.3f %8.3f  %s\n", "ratio", label, ratio, low,
		high, said
}

NF == 5 {
	row = $1 " " $2 " " $3
	value[row, ++count[row]] = $4 + 0
}

$1 == "ratio" && !(($0) in asked) {
	asked[$0]
	wish[++wishes] = $0
}

END {
	for (w = 1; w <= wishes; w++) {
		split(wish[w], f, " ")
		label = f[2]
		a = f[3] " " f[4] " " f[5]
		b = f[7] " " f[8] " " f[9]
		if (!(a in count) || !(b in count))
			continue
		if (median(b) + 0 == 0)
			printf "%-17s %-52s  the second is 0\n", "ratio", label
		else
			print_ratio(a, b, f[10], f[11])
	}
}

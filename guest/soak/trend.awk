# SPDX-License-Identifier: MIT
# Reads lines "x y" and prints
#   first peak last median slope noise p99
# slope is Theil and Sen's, the median of the slopes of all pairs: a lone peak, such as
# buffers caught in use, does not move it where it would tilt a least-squares line.
# noise is the median distance from that line, the width of what is normal.
# p99 is the value that one point in a hundred exceeds; of fewer than a hundred points one does.
# A lone point says nothing about the hundredth part: taken for it, it would fail a short run
# for what a long one is allowed, more often the shorter the run. It is still shown, as the peak.
# Of many points every n-th is taken, because the pairs grow with the square.

BEGIN { POINTS_MAX = 100 }

{
	x[NR] = $1
	y[NR] = $2
}

# Shell's sort of a[1..n].
function sort(a, n,    gap, i, j, v) {
	for (gap = int(n / 2); gap > 0; gap = int(gap / 2))
		for (i = gap + 1; i <= n; i++) {
			v = a[i]
			for (j = i - gap; j > 0 && a[j] > v; j -= gap)
				a[j + gap] = a[j]
			a[j + gap] = v
		}
}

# The value below which the given part of sorted a[1..n] lies.
function quantile(a, n, part,    at) {
	at = int(part * n + 0.999999)
	return a[at < 1 ? 1 : at]
}

# The value that one in a hundred of sorted a[1..n] exceeds, and one at least.
function hundredth(a, n) {
	return a[n - (n < 200 ? 1 : int(n / 100))]
}

END {
	if (NR < 3) {
		print "trend: " NR " points are too few" >"/dev/stderr"
		exit 1
	}
	for (i = 1; i <= NR; i++) {
		all[i] = y[i]
		if (i == 1 || y[i] > peak)
			peak = y[i]
	}
	sort(all, NR)
	step = int((NR + POINTS_MAX - 1) / POINTS_MAX)
	for (i = 1; i <= NR; i += step)
		for (j = i + step; j <= NR; j += step)
			if (x[j] > x[i])
				slopes[++pairs] = (y[j] - y[i]) / (x[j] - x[i])
	sort(slopes, pairs)
	slope = pairs ? quantile(slopes, pairs, 0.5) : 0
	for (i = 1; i <= NR; i++)
		level[i] = y[i] - slope * x[i]
	sort(level, NR)
	base = quantile(level, NR, 0.5)
	for (i = 1; i <= NR; i++) {
		off[i] = y[i] - slope * x[i] - base
		if (off[i] < 0)
			off[i] = -off[i]
	}
	sort(off, NR)
	printf "%.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", y[1], peak, y[NR], quantile(all, NR, 0.5), slope, quantile(off, NR, 0.5), hundredth(all, NR)
}

# gnuplot -e "data='DIR'; out='DIR'; keys='1,000,000'" bench/charts.gp
# One colour for each backend, a short line where the target is.

memory_colour = "#2f6fb0"
disk_colour = "#d98032"
plain_colour = "#8a8f98"
target_colour = "#222222"

set terminal svg size 860,440 font "sans-serif,14" background "#ffffff"
set border 3 linecolor rgb "#666666"
set tics nomirror out
set xtics font ",12"
set bmargin 5
set grid ytics linecolor rgb "#dddddd" linetype 1 linewidth 1
set style fill solid 1 noborder
set boxwidth 0.36
set key top left reverse Left samplen 1.5

# --- ratios of calls: from 1 to 50, so on a logarithmic axis

set output out."/calls.svg"
set title "One call, as a multiple of a bare await: 20,000 keys, one virtual user"
set ylabel "times await Promise.resolve()"
set xlabel "* on disk with durability \"none\"; durable sets wait for the disk" offset 0,-1
set logscale y 2
set yrange [0.5:128]
set xrange [-0.6:6.6]
half = 0.19
top(x, y) = y > x ? y : x # NaN, no target, is not more
number(x) = x < 10 ? sprintf("%.1f", x) : sprintf("%.0f", x)
plot data."/calls.dat" using ($0 - half):2:xtic(1) with boxes linecolor rgb memory_colour title "memory", \
     "" using ($0 + half):4 with boxes linecolor rgb disk_colour title "disk", \
     "" using ($0 - half):3:(0.19) with xerrorbars pointtype -1 linewidth 2 linecolor rgb target_colour title "target (at most)", \
     "" using ($0 + half):5:(0.19) with xerrorbars pointtype -1 linewidth 2 linecolor rgb target_colour notitle, \
     "" using ($0 - half):(top($2, $3)):(number($2)) with labels offset 0,0.6 font ",11" notitle, \
     "" using ($0 + half):(top($4, $5)):(number($4)) with labels offset 0,0.6 font ",11" notitle

# --- the same for steps and batches, in memory

set output out."/steps.svg"
set xtics font ",10"
set title "Steps and batches in memory, as a multiple of a bare await; batches per key"
set xlabel ""
set yrange [0.03125:16]
set xrange [-0.6:8.6]
set boxwidth 0.5
plot data."/steps.dat" using 0:2:xtic(1) with boxes linecolor rgb memory_colour title "memory", \
     "" using 0:3:(0.27) with xerrorbars pointtype -1 linewidth 2 linecolor rgb target_colour title "target (at most)", \
     "" using 0:(top($2, $3)):(sprintf("%.2f", $2)) with labels offset 0,0.6 font ",11" notitle

set xtics font ",12"

# --- durable sets

set output out."/group-commit.svg"
set title "Durable sets share one sync"
unset logscale y
set yrange [0:*]
set xrange [-0.6:2.6]
set offsets 0, 0, graph 0.12, 0
set ylabel "sets per second"
set xlabel "virtual users" offset 0,0
set format y "%.0f"
set boxwidth 0.5
plot data."/group-commit.dat" using 0:2:xtic(1) with boxes linecolor rgb disk_colour title "disk, durability \"full\"", \
     "" using 0:3:(0.25) with xerrorbars pointtype -1 linewidth 2 linecolor rgb target_colour title "target (at least)", \
     "" using 0:2:(sprintf("%.0f", $2)) with labels offset 0,0.6 font ",12" notitle

# --- memory

set output out."/memory.svg"
set title keys." entries of 13 + 58 bytes"
set ylabel "megabytes"
set xlabel "peak memory of the process; size of the file" offset 0,-1
set xrange [-0.6:3.6]
unset key
colour(i) = i == 1 ? 0x2f6fb0 : i == 0 ? 0x8a8f98 : 0xd98032
plot data."/memory.dat" using 0:2:(colour(int($0))):xtic(1) with boxes linecolor rgb variable, \
     "" using 0:2:(sprintf("%.0f", $2)) with labels offset 0,0.6 font ",12"

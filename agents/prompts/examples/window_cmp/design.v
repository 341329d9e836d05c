module window_cmp (
    input [7:0] x,
    input [7:0] lo,
    input [7:0] hi,
    output in_range,
    output [7:0] away
);
    // outputs: in_range = lo <= x <= hi; away = x - hi if x > hi, lo - x if x < lo, else 0
    reg [7:0] away_c;

    always_comb begin
        away_c = 8'd0;
        if (x > hi)
            away_c = x - hi;
        else if (x < lo)
            away_c = lo - x;
    end

    assign in_range = (x >= lo) && (x <= hi);
    assign away = away_c;
endmodule

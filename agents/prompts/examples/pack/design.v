module pack (
    input [3:0] hi,
    input [3:0] lo,
    input swap,
    output [7:0] word,
    output [11:0] wide,
    output [1:0] middle
);
    // outputs: word = the two halves; wide = word with its sign bit repeated; middle = word[4:3]
    assign word = swap ? {lo, hi} : {hi, lo};
    assign wide = {{4{word[7]}}, word};
    assign middle = word[4:3];
endmodule

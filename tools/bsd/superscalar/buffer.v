// The last WORDS memory words used, the latest first. An entry: valid, word address, word.
module lookup #(parameter WORDS = 1) (
  input  [63*WORDS-1:0] entries,
  input  [29:0]         place,
  output reg            hit,
  output reg [31:0]     found
);
  integer k;
  always @* begin
    hit = 1'b0;
    found = 32'd0;
    for (k = 0; k < WORDS; k = k + 1)
      if (entries[63*k+62] && entries[63*k+32 +: 30] == place) begin
        hit = 1'b1;
        found = found | entries[63*k +: 32];
      end
  end
endmodule

// The entries after one more use: its word comes first, those before its old place move down.
module touch #(parameter WORDS = 1) (
  input  [63*WORDS-1:0]     entries,
  input                     used,
  input  [29:0]             place,
  input  [31:0]             word,
  output reg [63*WORDS-1:0] after
);
  integer k;
  reg met;
  always @* begin
    after = entries;
    met = !used;
    for (k = 0; k < WORDS; k = k + 1)
      if (!met) begin
        if (k == 0) after[62:0] = {1'b1, place, word};
        else after[63*k +: 63] = entries[63*(k-1) +: 63];
        met = entries[63*k+62] && entries[63*k+32 +: 30] == place;
      end
  end
endmodule

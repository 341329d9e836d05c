# state: product, c_1, valid_1 (first stage), y, out_valid (second stage), all 0 after reset
# at each clock edge: second stage from first stage, first stage from inputs
# outputs: the registers of the second stage
class Model:
    def reset(self):
        self.product = 0
        self.c_1 = 0
        self.valid_1 = 0
        self.y = 0
        self.out_valid = 0

    def outputs(self, i):
        return {"out_valid": self.out_valid, "y": self.y}

    def tick(self, i):
        self.y = (self.product + self.c_1) & 0x1FF
        self.out_valid = self.valid_1
        self.product = i.a * i.b
        self.c_1 = i.c
        self.valid_1 = i.in_valid

# state: memory of 4 words and count, all 0 after reset
# at each clock edge: if we: word waddr takes wdata, and count + 1 unless it is 4
# outputs: rdata = word raddr; used = count
class Model:
    def reset(self):
        self.memory = [0] * 4
        self.count = 0

    def outputs(self, i):
        return {"rdata": self.memory[i.raddr], "used": self.count}

    def tick(self, i):
        if i.we:
            self.memory[i.waddr] = i.wdata
            if self.count != 4:
                self.count = self.count + 1
